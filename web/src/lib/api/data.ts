/**
 * The answer of a call whose failures throw: what openapi-fetch gives is undefined only for an empty
 * answer, which the caller knows not to get.
 */
export function answered<T>(result: { data?: T }): T {
  if (result.data === undefined) throw new Error('the server answered with nothing where it should have answered with something');
  return result.data;
}
