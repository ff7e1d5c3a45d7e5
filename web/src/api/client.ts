import createClient, { type Middleware } from "openapi-fetch";
import { language } from "../texts";
import type { components, paths } from "./schema.d.ts";
import { accessToken, renew, signedOut } from "./session";

/** The document's schemas by name: `Schema<"Booking">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];
export type Code = Schema<"Problem">["code"];
/** A place and time near one that was taken. */
export type Alternative = {
  location_id: string;
  location_name: string;
  connector: string;
  power_kw: number;
  distance_km: number;
  period: { start: string; end: string };
};
/** A failure's members beside those of every failure, as docs/errors.md names them. */
type Extras = {
  alternatives?: Alternative[];
  lifts_at?: string | null;
  limit?: string;
  retry_after_s?: number;
  confirmation?: string;
};
export type ProblemBody = Schema<"Problem"> & Extras & { [member: string]: unknown };

/** The API said no. */
export class Problem extends Error {
  constructor(public readonly body: ProblemBody) {
    super(body.detail || body.title);
  }
  get code(): Code {
    return this.body.code;
  }
  /** Whether nobody knows if it was done, so that the same press may be repeated. */
  get isOpen(): boolean {
    return this.body.status === 503;
  }
}

/** There was no answer: the line is dead, or the server away. */
export class Offline extends Error {}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Offline(String(error));
  }
}

const session: Middleware = {
  async onRequest({ request }) {
    const token = await accessToken().catch((error) => {
      throw new Offline(String(error)); // the renewal had no line
    });
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    request.headers.set("Accept-Language", language());
    return request;
  },
  async onResponse({ request, response }) {
    if (response.status !== 401 || !request.headers.has("Authorization")) return response;
    const { code } = (await response.clone().json()) as ProblemBody;
    if (code === "UNAUTHENTICATED") signedOut();
    if (code !== "TOKEN_EXPIRED") return response;
    await renew();
    const token = await accessToken();
    if (!token || request.method !== "GET") return response;
    const again = new Request(request);
    again.headers.set("Authorization", `Bearer ${token}`);
    return fetch(again);
  },
};

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });
api.use(session);

/** The answer's content. Raises Problem or Offline. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  const said = typeof error === "object" && error && "code" in error ? (error as ProblemBody) : null;
  throw new Problem(said ?? unavailable(response.status));
}

function unavailable(status: number): ProblemBody {
  const code = status >= 500 ? "UNAVAILABLE" : "INTERNAL";
  return { type: "urn:evcharging:error:unavailable", title: "", detail: "", status, code, invocation_id: "" } as ProblemBody;
}
