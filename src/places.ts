import { type CityResponse, open } from 'maxmind';

/** The place of an address in words, `Utrecht, Nederland`, from the operator's local file; null where it is not known. */
export type PlaceOf = (ip: string) => string | null;

/** @param onProblem told where the file cannot be read: requests then show no place, and all else goes on */
export async function openPlaces(
  file: string | undefined,
  onProblem: (problem: unknown) => void = () => {},
): Promise<PlaceOf> {
  if (!file) return () => null;
  const reader = await open<CityResponse>(file).catch((problem: unknown) => onProblem(problem));
  if (!reader) return () => null;
  return (ip) => {
    try {
      const found = reader.get(ip);
      const names = [found?.city?.names, found?.country?.names].map(
        (each) => (each as Record<string, string> | undefined)?.en,
      );
      return names.filter(Boolean).join(', ') || null;
    } catch {
      return null;
    }
  };
}
