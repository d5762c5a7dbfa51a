/** An answer that was not 2xx, or none at all (status 0). The message is the server's, for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId?: string,
    /** Seconds to wait, if the server asked for that. */
    readonly retryAfter?: number,
    /** Which action on which resource would have been needed, if the server says so. */
    readonly lacks?: { action: string; resource: string },
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Whether the person who is signed in lacks a right. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

/** Reads what the server says about a refusal; a proxy in between may have answered something else. */
export async function readError(response: Response): Promise<ApiError> {
  const { code, message, id, action, resource } = await readBody(response);
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new ApiError(
    response.status,
    code ?? 'unknown',
    message ?? `The server answered with status ${response.status}.`,
    id ?? response.headers.get('X-Request-Id') ?? undefined,
    Number.isFinite(seconds) ? seconds : undefined,
    action !== undefined && resource !== undefined ? { action, resource } : undefined,
  );
}

interface ErrorBody {
  code?: string;
  message?: string;
  id?: string;
  action?: string;
  resource?: string;
}

async function readBody(response: Response): Promise<ErrorBody> {
  try {
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null) return {};
    const text = (name: string) => {
      const value = (body as Record<string, unknown>)[name];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    return { code: text('code'), message: text('message'), id: text('id'), action: text('action'), resource: text('resource') };
  } catch {
    return {};
  }
}
