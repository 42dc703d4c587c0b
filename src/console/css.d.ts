// Style sheets that Vite takes in.
declare module '*.css';
