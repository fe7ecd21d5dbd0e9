// The list of detections in the pages of `wakeword serve` and `wakeword export --web`.

const MOST_ROWS = 20;

/**
 * Add a detection to the top of the list, and let screen readers say it.
 * @param detection keyword, score and time in seconds since the start of the stream
 * @param startDate when the stream started, in milliseconds as `Date.now()`
 */
export function showDetection({ keyword, score, time }, startDate) {
  const when = new Date(startDate + 1000 * time);
  const clock = document.createElement("time");
  clock.dateTime = when.toISOString();
  clock.textContent = when.toLocaleTimeString();
  const row = document.createElement("tr");
  for (const content of [clock, keyword, score.toFixed(3), `${time.toFixed(1)} s`]) {
    const cell = document.createElement("td");
    cell.append(content);
    row.append(cell);
  }
  const list = document.getElementById("detections");
  list.querySelector(".empty")?.remove();
  list.prepend(row);
  while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
  const spoken = document.createElement("p");
  spoken.textContent = `${keyword} detected at ${clock.textContent}, score ${score.toFixed(2)}`;
  document.getElementById("announcement").replaceChildren(spoken);
}
