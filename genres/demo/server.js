// How does the page talk to the demo? One request at a time: a new one ends the one in flight.

let inFlight = null; // AbortController

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
    const response = await fetch(address, { method: "POST", body, signal: own.signal });
    if (!response.ok) throw new Error((await response.text()).trim());
    for await (const message of messages(response)) {
      if (inFlight !== own) return false;
      receive(message);
    }
  } catch (error) {
    if (inFlight !== own) return false;
    const lost = error instanceof TypeError;
    receive({ refusal: lost ? "The demo has stopped responding: start it again." : error.message });
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
