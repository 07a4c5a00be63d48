// Days in a row, also those on which nothing happened.

interface Day {
  day: string;
  pulls: number;
  pushes: number;
}

/** The last `many` days until today, in UTC; `at` is the middle of the day in unix seconds. */
export function days(found: Day[], many: number, now = Date.now()): { at: number; pulls: number; pushes: number }[] {
  const known = new Map(found.map((day) => [Math.floor(Date.parse(day.day) / 86_400_000), day]));
  const today = Math.floor(now / 86_400_000);
  return Array.from({ length: many }, (_, index) => {
    const day = today - many + 1 + index;
    const { pulls = 0, pushes = 0 } = known.get(day) ?? {};
    return { at: day * 86_400 + 43_200, pulls, pushes };
  });
}
