// Starts the console in the page.
import { render } from 'preact';
import { App } from './app.tsx';
import { start } from './store.ts';
import './style.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
void start();
