/* Questions to the API with the session's cookie; what is refused becomes an Error with the server's sentence. */

const token = () => {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field ? field.value : "";
};

const ask = async (method, address, body) => {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = token();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(address, {
    method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  const error = new Error(problem.detail || `${response.status} ${response.statusText}`);
  error.status = response.status;
  throw error;
};

export const get = (address, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const words = new URLSearchParams(given).toString();
  return ask("GET", words ? `${address}?${words}` : address);
};

export const post = (address, body) => ask("POST", address, body);
export const put = (address, body) => ask("PUT", address, body);
export const remove = (address) => ask("DELETE", address);
