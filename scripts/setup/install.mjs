// Runs npm, pip and uv. The user's mirrors, proxies and certificates are used; their settings that change what is
// installed, or where, are not.
import os from 'node:os';
import path from 'node:path';
import { programEnvironment, root } from './environment.mjs';
import { runSilently } from './launch.mjs';
import { explainRefusal, isWritable, openFiles, TOO_FEW_FILES } from './machine.mjs';

// The settings that say where packages come from, and how to get there.
const SOURCES = {
  NPM_CONFIG:
    /^(registry|@.+|\/\/.+|(https?-)?proxy|no-?proxy|ca|cafile|cert|key|strict-ssl|fetch-.+|maxsockets|cache|userconfig|globalconfig|(prefer-)?offline|prefer-online|local-address|replace-registry-host|nodedir)$/,
  PIP: /^((extra-)?index-url|find-links|no-index|(client-)?cert|trusted-host|proxy|(default-)?timeout|retries|(no-)?cache-dir|keyring-provider|config-file)$/,
  UV: /^((default-|extra-)?index(-url)?|index-.+-(username|password)|find-links|insecure-host|native-tls|system-certs|(http|request)-(timeout|retries)|cache-dir|no-cache|offline|keyring-provider)$/,
};
const NODE_SOURCES = /^--(use-[a-z]+-ca|use-env-proxy|openssl|tls|network-family)/;

// npm opens about 15 files per connection.
const FEW_OPEN_FILES = 1024;

/** Installs the packages of the lock file in `folder`'s node_modules. */
export async function npmCi(interrupt, folder = root) {
  const flags = [
    // The user's .npmrc may say otherwise.
    ...['--ignore-scripts', '--include=dev', '--include=optional', '--install-strategy=hoisted'],
    ...['--no-global', '--no-dry-run', '--loglevel=error'],
    ...(openFiles() < FEW_OPEN_FILES ? ['--maxsockets=4'] : []),
  ];
  const options = { cwd: folder, env: installEnvironment(), explain };
  const npm = (...more) => runSilently('npm', ['ci', ...flags, ...more], interrupt, options);
  try {
    await npm('--prefer-offline'); // or npm asks for the newest versions of each package, which we do not want
  } catch (error) {
    // npm's cache is older than a version that we want.
    if (!error.message.includes('ETARGET')) throw error;
    await npm();
  }
}

/** Returns functions that change the packages of a Python environment. */
export async function pythonPackageManager(python, interrupt) {
  const env = await pipEnvironment(python, interrupt);
  const quiet = ['--quiet', '--no-input', '--disable-pip-version-check'];
  const pip = (command, ...args) =>
    runSilently(python, ['-m', 'pip', command, ...quiet, ...args], interrupt, { env, explain });
  const uv = (command, ...args) =>
    runSilently(
      path.join(path.dirname(python), 'uv'),
      // pip takes the best version on any index; uv would look at the first one that has the package.
      [
        'pip',
        command,
        '--quiet',
        '--python',
        python,
        '--index-strategy=unsafe-best-match',
        ...args,
      ],
      interrupt,
      { env: uvEnvironment(env), explain },
    );
  return {
    uninstall: (...packages) => pip('uninstall', '--yes', ...packages),
    /**
     * Installs lists of packages, which may begin with options. uv takes a tenth of pip's time; `uvPin` is its version.
     * If uv fails, pip is used, and the result says why.
     */
    async install(uvPin, ...lists) {
      try {
        await pip('install', '--only-binary=:all:', uvPin);
        const noIndex = isOn(env.PIP_NO_INDEX) ? ['--no-index'] : [];
        for (const list of lists) await uv('install', ...noIndex, ...list);
        return undefined;
      } catch (error) {
        interrupt.throwIfAborted();
        for (const list of lists) await pip('install', ...list);
        return `installed with pip, which takes longer, because uv failed: ${lastLine(error.message)}`;
      }
    },
  };
}

const lastLine = (text) => text.trim().split('\n').at(-1).trim().slice(0, 200);

/** The user's environment without what changes what npm, pip and uv install, or where. */
export function installEnvironment() {
  const env = programEnvironment();
  for (const name of Object.keys(env)) {
    const [, tool, rest] = /^(npm_config|PIP|UV)_(.+)$/i.exec(name) ?? [];
    // npm and pip ignore empty variables.
    const isKept = tool
      ? env[name] !== '' &&
        SOURCES[tool.toUpperCase()].test(rest.toLowerCase().replaceAll('_', '-'))
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
      if (where !== section || !SOURCES.PIP.test(name)) continue;
      // Several values are on lines of their own.
      sources[`PIP_${name.toUpperCase().replaceAll('-', '_')}`] = value.replaceAll('\\n', ' ');
    }
  }
  return { ...sources, ...env, PIP_CONFIG_FILE: os.devNull };
}

/** pip's environment with its settings in uv's terms: uv reads neither pip's variables nor its files. */
export function uvEnvironment(env) {
  const pip = (name) => env[`PIP_${name}`];
  const words = (name, separator) => pip(name)?.trim().split(/\s+/).join(separator);
  const settings = {
    UV_DEFAULT_INDEX: pip('INDEX_URL'),
    UV_INDEX: words('EXTRA_INDEX_URL', ' '),
    UV_FIND_LINKS: words('FIND_LINKS', ','),
    UV_INSECURE_HOST: words('TRUSTED_HOST', ' '),
    UV_HTTP_TIMEOUT: pip('TIMEOUT') ?? pip('DEFAULT_TIMEOUT'),
    UV_HTTP_RETRIES: pip('RETRIES'),
    UV_CACHE_DIR: pip('CACHE_DIR') && path.join(pip('CACHE_DIR'), 'uv'),
    UV_NO_CACHE: isOn(pip('NO_CACHE_DIR')) ? '1' : undefined,
    UV_KEYRING_PROVIDER: /^(import|subprocess)$/.test(pip('KEYRING_PROVIDER'))
      ? 'subprocess'
      : undefined,
    UV_SYSTEM_CERTS: '1', // as pip does
    SSL_CERT_FILE: pip('CERT') || env.REQUESTS_CA_BUNDLE || env.CURL_CA_BUNDLE || undefined,
    SSL_CLIENT_CERT: pip('CLIENT_CERT'),
    ...{ HTTP_PROXY: pip('PROXY'), HTTPS_PROXY: pip('PROXY') },
  };
  const used = Object.entries(settings).filter(([, value]) => value !== undefined);
  const users = Object.entries(env).filter(([name]) => name.startsWith('UV_'));
  return { ...env, ...Object.fromEntries([...used, ...users]), UV_NO_CONFIG: '1' };
}

/** Whether a setting of pip is switched on. */
function isOn(value) {
  return /^(1|true|t|yes|y|on)$/i.test(value ?? '');
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
      "NODE_EXTRA_CA_CERTS and PIP_CERT to the file (PEM) of your organization's certificates, and run it again."
    );
  }
  if (/EMFILE|too many open files/i.test(output)) return TOO_FEW_FILES;
  const place =
    /\bcode (?:EACCES|EPERM|EROFS)\b[\s\S]*? path (.+)|\[Errno (?:1|13|30)\][^'\n]*'([^'\n]+)'/.exec(
      output,
    );
  return place ? explainRefusal(place[1] ?? place[2]) : undefined;
}
