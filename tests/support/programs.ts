import { serverProgram, type ServerProgram } from '@hyperswap/deploy';

/**
 * Builds the programs that are not there yet.
 *
 * @returns why they are missing, as a reason to skip tests; undefined when all are there
 * @throws DOWNLOAD_FAILED in CI, where nothing may be skipped
 */
export async function missingPrograms(...programs: readonly ServerProgram[]): Promise<string | undefined> {
  try {
    await Promise.all(programs.map((program) => serverProgram(program)));
    return undefined;
  } catch (error) {
    if (process.env.CI !== undefined) throw error;
    return (error as Error).message;
  }
}
