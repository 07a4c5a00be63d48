// When something is done by itself again.
import { api, take, type Schemas } from '../../lib/api';

export async function schedule(key: string): Promise<Schemas['ScheduleView'] | undefined> {
  const { schedules } = await take(api.GET('/schedules'));
  return schedules.find((one) => one.key.startsWith(key));
}
