// Shows the password on request; without script the button stays hidden.
for (const button of document.querySelectorAll('[data-reveal]')) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener('click', () => {
    const isShown = field.type === 'text';
    field.type = isShown ? 'password' : 'text';
    button.setAttribute('aria-label', isShown ? button.dataset.show : button.dataset.hide);
    button.setAttribute('aria-pressed', String(!isShown));
    field.focus();
  });
}
