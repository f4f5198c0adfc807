"""Checks the files under ``deploy/``: parsed always, and tried by the real tools where they are installed."""

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import crossplane
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
NGINX = DEPLOY / "nginx" / "nginx.conf"
COMPOSE = DEPLOY / "docker-compose.yml"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"


def main() -> int:
    """Run every check; print the faults and what was not tried for want of a tool."""
    faults = [*parse_nginx(), *runbook_gaps(), *dashboard_faults()]
    with tempfile.TemporaryDirectory(prefix="quantsite-deploy-") as folder:
        for name, command in tool_commands(Path(folder)).items():
            if command:
                faults += outcome(name, command)
            else:
                sys.stdout.write(f"not installed, so not tried: {name}\n")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    return 1 if faults else 0


def parse_nginx() -> list[str]:
    """What crossplane finds wrong in the nginx configuration."""
    parsed = crossplane.parse(str(NGINX), single=True, combine=False)
    return [f"nginx: {error['file']}:{error['line']}: {error['error']}" for error in parsed["errors"]]


def runbook_gaps() -> list[str]:
    """Alert rules whose runbook link leads nowhere."""
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    anchors = runbook_anchors()
    links = [(rule["alert"], rule.get("annotations", {}).get("runbook", "")) for rule in rules]
    return [f"alert {name}: no section for {link!r}" for name, link in links if link.partition("#")[2] not in anchors]


def runbook_anchors() -> set[str]:
    """The anchors that the runbook's second- and third-level headings make."""
    lines = RUNBOOK.read_text(encoding="utf-8").splitlines()
    return {line.lstrip("# ").strip().lower().replace(" ", "-") for line in lines if line.startswith(("## ", "### "))}


def dashboard_faults() -> list[str]:
    """Dashboards that are no JSON, or hold a panel that asks for nothing."""
    faults = []
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        panels = json.loads(path.read_text())["panels"]
        faults += [f"{path.name}: panel {p['title']!r} asks for nothing" for p in panels if not p.get("targets")]
    return faults


def tool_commands(folder: Path) -> dict[str, list[str]]:
    """The real tools' commands, [] for one that is not installed; files they need are made in ``folder``."""
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    promtool = shutil.which("promtool")
    return {
        "nginx": [nginx, "-t", "-q", "-p", str(folder), "-c", str(tryable_nginx(folder))] if nginx else [],
        "promtool": [promtool, "check", "rules", str(ALERTS)] if promtool else [],
        "docker compose": compose_command(folder),
    }


def tryable_nginx(folder: Path) -> Path:
    """The configuration with a certificate made for the purpose, since the real one is the operator's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "desk.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "desk.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    path = folder / "nginx.conf"
    path.write_text(NGINX.read_text().replace("/etc/nginx/tls", str(folder)))
    return path


def compose_command(folder: Path) -> list[str]:
    """``docker compose config`` with an environment file that is filled in; [] without the plugin."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        return []
    lines = (DEPLOY / "env.example").read_text().splitlines()
    filled = folder / "env"
    filled.write_text("\n".join(f"{line}filled" if line.endswith("=") else line for line in lines))
    return [docker, "compose", "-f", str(COMPOSE), "--env-file", str(filled), "config", "--quiet"]


def outcome(name: str, command: list[str]) -> list[str]:
    """[] if the tool is content, else what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"{name}: {done.stdout}{done.stderr}"] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
