/** Your notes: add, edit, delete. `call` is to the search worker, `embed(text)` gives the vector of a text. */

export function setUpNotes(call, embed) {
  const form = document.querySelector('#note-form');
  const text = document.querySelector('#note-text');
  const save = document.querySelector('#note-save');
  const cancel = document.querySelector('#note-cancel');
  const status = document.querySelector('#note-status');
  const list = document.querySelector('#notes');
  let edited; // id of the note in the form

  async function show() {
    const notes = await call('notes', 'list');
    list.replaceChildren(...notes.map(noteElement));
    return notes.length;
  }

  function noteElement({ id, metadata }) {
    const item = document.createElement('li');
    const words = document.createElement('p');
    words.textContent = metadata.text;
    const buttons = document.createElement('div');
    buttons.className = 'buttons';
    buttons.append(
      button('Edit', metadata.text, () => {
        begin(id, metadata.text);
        text.focus();
      }),
      button('Delete', metadata.text, () =>
        attempt(async () => {
          await call('notes', 'remove', id);
          if (edited === id) begin(undefined, '');
          await show();
          status.textContent = 'Deleted.';
          text.focus();
        }),
      ),
    );
    item.append(words, buttons);
    return item;
  }

  function begin(id, words) {
    edited = id;
    text.value = words;
    save.textContent = id === undefined ? 'Add' : 'Save';
    cancel.hidden = id === undefined;
  }

  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      status.textContent = `Not done: ${error.message}`;
    }
  }

  cancel.addEventListener('click', () => begin(undefined, ''));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (!words || save.disabled) return;
    const id = edited;
    save.disabled = true;
    attempt(async () => {
      const { vector } = await embed(words);
      if (id === undefined) await call('notes', 'add', vector, words);
      else await call('notes', 'edit', id, vector, words);
      begin(undefined, '');
      await show();
      status.textContent = 'Kept in this browser.';
    }).finally(() => {
      save.disabled = false;
    });
  });

  return {
    /** The model is there. */
    ready() {
      save.disabled = false;
    },
    start: () => attempt(async () => void (await show())),
    /** Those near a query, above the results. */
    showFound(hits) {
      const box = document.querySelector('#found-notes');
      const near = hits.filter((hit) => hit.distance < 0.65);
      box.hidden = near.length === 0;
      box.replaceChildren(
        ...near.map(({ metadata, distance }) => {
          const line = document.createElement('p');
          line.textContent = `Your note (${(1 - distance).toFixed(2)}): ${metadata.text}`;
          return line;
        }),
      );
    },
  };
}

function button(label, about, onClick) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'quiet';
  made.textContent = label;
  made.setAttribute('aria-label', `${label} the note: ${about.slice(0, 60)}`);
  made.addEventListener('click', onClick);
  return made;
}
