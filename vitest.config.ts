import { defineConfig } from 'vitest/config';

/** Every test of the repository. `make test` gives them PostgreSQL, Redis and a browser (scripts/with-services.ts). */
export default defineConfig({
  test: {
    projects: ['server', { test: { name: 'scripts', include: ['scripts/**/*.test.ts'] } }],
    // More workers than two would compete for one database server and for the cores of a small CI machine.
    maxWorkers: 2,
  },
});
