// Runs npm, pip and node-gyp. The user's mirrors, proxies and certificates are used; their settings that change what is
// installed, or where, are not.
import os from 'node:os';
import { programEnvironment, root } from './environment.mjs';
import { runSilently } from './launch.mjs';
import { explainRefusal, isWritable, openFiles, TOO_FEW_FILES } from './machine.mjs';

// The settings that say where packages come from, and how to get there.
const NPM_SOURCES =
  /^(registry|@.+|\/\/.+|(https?-)?proxy|no-?proxy|ca|cafile|cert|key|strict-ssl|fetch-.+|maxsockets|cache|userconfig|globalconfig|(prefer-)?offline|prefer-online|local-address|replace-registry-host|nodedir)$/;
const PIP_SOURCES =
  /^((extra-)?index-url|find-links|no-index|(client-)?cert|trusted-host|proxy|(default-)?timeout|retries|(no-)?cache-dir|keyring-provider|config-file)$/;
const NODE_SOURCES = /^--(use-[a-z]+-ca|use-env-proxy|openssl|tls|network-family)/;

// npm opens about 15 files per connection.
const FEW_OPEN_FILES = 1024;

/** Installs the packages of the lock file in `folder`'s node_modules. */
export async function npmCi(interrupt, folder = root) {
  const env = installEnvironment();
  const flags = [
    // The user's .npmrc may say otherwise.
    ...['--ignore-scripts', '--include=dev', '--include=optional', '--install-strategy=hoisted'],
    ...['--no-global', '--no-dry-run', '--loglevel=error'],
    ...(openFiles() < FEW_OPEN_FILES ? ['--maxsockets=4'] : []),
  ];
  await runSilently('npm', ['ci', ...flags], interrupt, { cwd: folder, env, explain });
}

/** Returns a function that runs pip: `await pip('install', …)`. */
export async function pipOf(python, interrupt) {
  const env = await pipEnvironment(python, interrupt);
  return (command, ...args) =>
    runSilently(python, ['-m', 'pip', command, '--quiet', ...args], interrupt, { env, explain });
}

/** Builds the native package in `cwd`. `more`: further variables. */
export function nodeGyp(args, interrupt, cwd, more) {
  const env = { ...installEnvironment(), ...more };
  return runSilently(process.execPath, args, interrupt, { cwd, env, explain });
}

/** The user's environment without what changes what npm, pip and node-gyp install, or where. */
export function installEnvironment() {
  const env = programEnvironment();
  for (const name of Object.keys(env)) {
    const [, tool, rest] = /^(npm_config|PIP)_(.+)$/i.exec(name) ?? [];
    const sources = tool === 'PIP' ? PIP_SOURCES : NPM_SOURCES;
    // npm and pip ignore empty variables.
    const isKept = tool
      ? env[name] !== '' && sources.test(rest.toLowerCase().replaceAll('_', '-'))
      : name !== 'NODE_ENV';
    if (!isKept) delete env[name];
  }
  // npm passes its cache on as a variable; if it cannot be written, the default, in HOME, can.
  if (!isWritable(env.npm_config_cache ?? env.HOME)) delete env.npm_config_cache;
  const options = (env.NODE_OPTIONS ?? '').split(/\s+/).filter((word) => NODE_SOURCES.test(word));
  return { ...env, NODE_OPTIONS: options.join(' ') };
}

/** `installEnvironment`, with the settings about sources in pip's configuration files in place of these files. */
async function pipEnvironment(python, interrupt) {
  const env = installEnvironment();
  // Zero also wins over the files: with these settings, `pip config list` would show only a part.
  const shown = { PIP_USER: '0', PIP_GLOBAL: '0', PIP_SITE: '0', PIP_QUIET: '0' };
  const list = await runSilently(python, ['-m', 'pip', 'config', 'list'], interrupt, {
    env: { ...env, ...shown },
  });
  const lines = [...list.matchAll(/^(global|install)\.([a-z-]+)=(['"])(.*)\3$/gm)];
  const sources = {};
  for (const section of ['global', 'install']) {
    for (const [, where, name, , value] of lines) {
      if (where !== section || !PIP_SOURCES.test(name)) continue;
      // Several values are on lines of their own.
      sources[`PIP_${name.toUpperCase().replaceAll('-', '_')}`] = value.replaceAll('\\n', ' ');
    }
  }
  return { ...sources, ...env, PIP_CONFIG_FILE: os.devNull };
}

/** The cause of a failure in one sentence, with what to do, or undefined if the output says enough. */
export function explain(output) {
  if (
    /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_UNTRUSTED|CERTIFICATE_VERIFY_FAILED/.test(
      output,
    )
  ) {
    return (
      'The certificate of the package server, or of a proxy before it, is not trusted: set both ' +
      "NODE_EXTRA_CA_CERTS and PIP_CERT to the file (PEM) of your organisation's certificates, and run it again."
    );
  }
  if (/EMFILE|too many open files/i.test(output)) return TOO_FEW_FILES;
  const place =
    /\bcode (?:EACCES|EPERM|EROFS)\b[\s\S]*? path (.+)|\[Errno (?:1|13|30)\][^'\n]*'([^'\n]+)'/.exec(
      output,
    );
  return place ? explainRefusal(place[1] ?? place[2]) : undefined;
}
