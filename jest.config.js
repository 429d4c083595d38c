/** @type {import('jest').Config} */
module.exports = {
  roots: ['<rootDir>/test'],
  maxWorkers: 2,
  testEnvironment: './test/support/environment.js',
  // tsc checks all types once. Here they are only stripped.
  transform: { '\\.ts$': ['ts-jest', { transpilation: true }] },
  testTimeout: 60_000,
  sandboxInjectedGlobals: ['Math'], // or each use of Math in a loop takes thirty times as long
};
