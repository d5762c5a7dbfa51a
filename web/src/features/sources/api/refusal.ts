export interface Refusal {
  /** What happened. */
  title: string;
  /** What to do about it. */
  fix: string;
}

/**
 * A refused call of a tool in words for people: message is what the tool was told. The steps that it names
 * are those of the page that connects the tool; guide says which page that is, where it is another one.
 */
export function refusal(status: number, message: string, tool: string, environment: string, guide = ''): Refusal {
  const pointer = /\/[\w~/-]+/.exec(message)?.[0];
  switch (status) {
    case 401:
      return message.includes('needs an access token')
        ? { title: 'The call carried no token.', fix: `Add the Authorization header of step 3${guide} in ${tool}.` }
        : { title: 'The token is not known here; it may be cut off.', fix: `Copy it again, or create another one, and paste it into ${tool}.` };
    case 403:
      if (message.includes('is disconnected')) return { title: `${tool} is disconnected from ${environment}.`, fix: 'Its page under Sources connects it again.' };
      return { title: `The token may not do this in ${environment}.`, fix: `${capital(message)} Use the token of step 2${guide}, which may.` };
    case 404:
      return { title: 'No environment has the id that the call names.', fix: `Copy the environment id of step 3${guide} into ${tool}.` };
    case 409:
      return { title: 'A segment with this key exists and belongs to another source.', fix: capital(message) };
    case 413:
      return { title: 'The body is larger than muster takes.', fix: `Send fewer members in each call. ${capital(message)}` };
    case 429:
      return { title: 'Too many calls at this moment.', fix: `${tool} should send it again after a pause.` };
    default:
      if (status === 400 && pointer !== undefined && /could not find/.test(message)) {
        return { title: `${pointer} is missing.`, fix: `Map it in ${tool}: the body of step 3${guide} shows where it belongs.` };
      }
      return { title: capital(message), fix: `Compare what ${tool} sends with the body of step 3${guide}.` };
  }
}

function capital(message: string): string {
  const text = message === '' ? 'The call was refused' : message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
