/* What a person chose, kept in their browser. */

export const read = (key, otherwise) => {
  try {
    const value = JSON.parse(window.localStorage.getItem(key));
    return value === null ? otherwise : value;
  } catch {
    return otherwise;
  }
};

export const keep = (key, value) => {
  try {
    window.localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn("the browser keeps nothing", error); // a private window: the choice lasts as long as the page
  }
};
