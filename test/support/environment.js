/**
 * jest gives each test file its own globals. Then a `Float32Array` from TensorFlow's native code is not an instance
 * of the test's `Float32Array`, and tfjs fails. This passes the outer classes in.
 */
const { TestEnvironment } = require('jest-environment-node');

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, {
      ArrayBuffer,
      Float32Array,
      Int32Array,
      Uint8Array,
      Uint8ClampedArray,
      Uint32Array,
    });
  }
};
