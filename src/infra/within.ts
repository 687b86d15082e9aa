/** Waits for `work` to end, however it ends, but no longer than `limitMs`. True where it ended in time. */
export async function within(limitMs: number, work: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  // How it ends does not matter: what cannot be closed in good order is gone already.
  const ended = work().then(
    () => true,
    () => true,
  );
  const inTime = await Promise.race([ended, limit]);
  clearTimeout(timer);
  return inTime;
}
