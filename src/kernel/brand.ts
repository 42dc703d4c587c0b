// Nominal types: a value that was parsed once at the edge carries its name from there on.

declare const brand: unique symbol;

/** `Base` that only the parser of `Name` may make. Costs nothing at run time. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
