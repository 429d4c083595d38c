/** @type {import('jest').Config} */
module.exports = {
  roots: ['<rootDir>/test'],
  maxWorkers: 2,
  testEnvironment: './test/support/environment.js',
  // tsc checks all types once. Here they are only stripped.
  transform: { '\\.ts$': ['ts-jest', { transpilation: true }] },
  testTimeout: 60_000,
};
