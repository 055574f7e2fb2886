import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests of whole servers take longest. They begin first, so that no worker waits at the end for another one's last file. */
class WholeServersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWhole = ({ moduleId }: TestSpecification) => moduleId.includes('/server/test/');
    return (await super.sort(files)).toSorted((a, b) => Number(isWhole(b)) - Number(isWhole(a)));
  }
}

/** Every test of the repository. `make test` gives them PostgreSQL, Redis and a browser (scripts/with-services.ts). */
export default defineConfig({
  test: {
    projects: ['server', { test: { name: 'scripts', include: ['scripts/**/*.test.ts'] } }],
    // More workers than two would compete for one database server and for the cores of a small CI machine.
    maxWorkers: 2,
    sequence: { sequencer: WholeServersFirst },
  },
});
