// How does the page talk to the demo? What is posted takes its time: a new post ends the one in flight.

const GONE = "The demo has stopped responding: start it again.";

let inFlight = null; // AbortController

// Ask for something; throw an error that says in a sentence why it does not come.
export async function asked(address, options) {
  const response = await fetch(address, options).catch((error) => {
    throw error instanceof TypeError ? new Error(GONE) : error;
  });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response;
}

export function abandon() {
  inFlight?.abort();
  inFlight = null;
}

// Post something and hand each message of the response to `receive`, a failure as a `refusal`.
// Return whether nothing else has taken its place.
export async function post(address, body, receive) {
  abandon();
  const own = (inFlight = new AbortController());
  try {
    const response = await asked(address, { method: "POST", body, signal: own.signal });
    for await (const message of messages(response)) {
      if (inFlight !== own) return false;
      receive(message);
    }
  } catch (error) {
    if (inFlight !== own) return false;
    receive({ refusal: error instanceof TypeError ? GONE : error.message });
  }
  return inFlight === own;
}

// A message is a line of JSON.
async function* messages(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const line of parts) yield JSON.parse(line);
  }
}
