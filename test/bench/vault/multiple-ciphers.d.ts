// better-sqlite3-multiple-ciphers has better-sqlite3's own interface; its package names no types.
declare module 'better-sqlite3-multiple-ciphers' {
  import SqliteDatabase from 'better-sqlite3';
  export default SqliteDatabase;
}
