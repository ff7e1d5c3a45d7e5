// Reads statements (a JSON list) and prints, for each, null or what MySQL's own grammar has against it.
const Parser = require("ts-mysql-parser").default;

const parser = new Parser({ version: "8.0.17" });
const statements = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verdict = (statement) => {
  const { parserError, lexerError } = parser.parse(statement);
  const error = lexerError || parserError;
  return error ? error.message || String(error) : null;
};
process.stdout.write(JSON.stringify(statements.map(verdict)));
