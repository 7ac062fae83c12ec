/** Waits for a condition that other code will bring about; rejects after the deadline, which only finds a hang, with what was waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (let pauseMs = 0; !(await condition()); pauseMs = Math.min(pauseMs + 1, 20)) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
