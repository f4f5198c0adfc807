"""What a gateway at a CTP broker needs from taking an order up to the library's call, the front being the fake.

Two figures apart: deciding, up to the commit of "submitting" (PostgreSQL's part is most of it), and from that commit
to the call of ReqOrderInsert.
"""

import secrets
import sys

from benchmarks.private import on_servers

if __name__ == "__main__":
    key = secrets.token_urlsafe(48)
    sys.exit(on_servers("benchmarks.ctp_orders_inside", "DATABASE_URL", "REDIS_URL", QUANTSITE_CREDENTIAL_KEY=key))
