// Starts the console in the page.
import { render } from 'preact';
import { App } from './app.tsx';
import { start } from './store.ts';
import './styles/base.css';
import './styles/forms.css';
import './styles/frame.css';
import './styles/lists.css';
import './styles/pages.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
void start();
