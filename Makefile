# The commands of this project. Each brings what it needs first, so all of them work in a fresh clone.
# Needs: make, git, a C compiler, and Node.js 20 or newer with npm. PORT and GENAI_DATA_DIR reach `make up` as they are.

# Node.js 24, where scripts/setup.sh had to bring it, stands before the installed one.
export PATH := $(CURDIR)/runtime/node_modules/.bin:$(PATH)

# A file, folder or part of a path: runs only the tests there, as in `make test TEST=server/src/vault`.
TEST ?=
# More options for vitest, as in `make test VITEST_FLAGS='-t budget'`.
VITEST_FLAGS ?=

.PHONY: help setup up test test-long lint typecheck format docs docs-check quickstart contract isolation-mutants sim sim-bugs clean

help: ## Lists these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Brings Node.js 24 where needed and installs the npm packages; says what it downloads.
	@scripts/setup.sh

up: setup ## Starts the server in the foreground with embedded storage and demo tenants.
	@exec node bin/genai.mjs up

test: setup ## Runs all tests, with its own PostgreSQL, Redis and browser. TEST=path runs a part.
	@exec node scripts/with-services.ts node_modules/.bin/vitest run $(TEST) $(VITEST_FLAGS)

test-long: export GENAI_TEST_LONG = 1
test-long: test isolation-mutants sim-bugs sim ## Runs all tests including the long ones, the deliberate holes and bugs, and 100,000 episodes.

lint: setup ## Checks style, the import tiers, and that nothing is unused.
	@npm run --silent lint

typecheck: setup ## Type-checks everything.
	@npm run --silent typecheck

format: setup ## Formats everything and applies the safe fixes of the linter.
	@npm run --silent format

docs: setup ## Generates the reference documentation.
	@npm run --silent reference

docs-check: setup ## Fails when the generated reference documentation is not current.
	@npm run --silent --if-present reference -- --check

quickstart: setup ## Runs the quick start of the README on a new data folder and checks the cited answer.
	@exec node scripts/quickstart.ts

contract: setup ## Sends 20,000 requests made from the API description, with Schemathesis from PyPI, and checks every answer.
	@npm run --silent bench -- contract

isolation-mutants: setup ## Plants holes in the walls between tenants, one by one, and demands that a test finds each.
	@exec node scripts/with-services.ts node scripts/isolation-mutants.ts

sim: setup ## Simulates 100,000 episodes of pods, faults and a shared scheduler, and checks every step.
	@npm run --silent sim -- --episodes 100000

sim-bugs: setup ## Plants bugs in the scheduler, one by one, and demands that the check for each finds it.
	@npm run --silent sim:bugs

clean: ## Removes everything that setup and the tests made, not the data folder.
	@rm -rf node_modules server/node_modules runtime/node_modules coverage
