/* What a study is called: by the program (its key, its words in an address) and by people. */

/* In the order of their names, as the server writes them in the names of channels. */
export const words = (study) => {
  const sorted = Object.entries(study.params).sort(([one], [other]) => (one < other ? -1 : 1));
  return sorted.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
};
export const keyOf = (study) => `${study.name.toLowerCase()}?${words(study)}`;
export const titleOf = (study) => {
  const given = Object.entries(study.params).filter(([name, value]) => typeof value === "number" && name !== "histogram");
  const figures = given.map(([, value]) => value);
  return `${study.name}${figures.length ? ` ${figures.join(",")}` : ""}`;
};

const USUAL = {
  value: "", macd: "DIF", macdsignal: "DEA", macdhist: "MACD", upperband: "UP", middleband: "MID", lowerband: "LOW",
};

/* What traders call an output of TA-Lib. */
export const outputName = (name) => (name in USUAL ? USUAL[name] : name.toUpperCase());
