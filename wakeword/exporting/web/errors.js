/** An error that the caller can fix; the message says what was expected and what to do. */
export class WakewordError extends Error {
  name = "WakewordError";
}
