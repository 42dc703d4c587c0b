// The four calls of the Reflect metadata proposal that @peculiar/x509's container asks for; import it before that library.

const store = new WeakMap<object, Map<unknown, unknown>>();

function own(key: unknown, target: object): unknown {
  return store.get(target)?.get(key);
}

function define(key: unknown, value: unknown, target: object): void {
  const known = store.get(target) ?? new Map<unknown, unknown>();
  store.set(target, known.set(key, value));
}

Object.assign(Reflect, {
  defineMetadata: define,
  getOwnMetadata: own,
  getMetadata: own,
  metadata: (key: unknown, value: unknown) => (target: object) => define(key, value, target),
});
