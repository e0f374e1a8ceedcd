// The server's commonest sentences in Russian; all others stay as they are.

import { language } from "../shared/language.js";

const RUSSIAN = [
  [/^must not be empty$/, "не должно быть пустым"],
  [/^must have at most (\d+) characters$/, "не длиннее $1 символов"],
  [/^must be (\d+) to (\d+)$/, "от $1 до $2"],
  [/^must be before the sale closes$/, "должно быть раньше закрытия продажи"],
  [/^must begin with https.*$/, "начните с https:// или http://"],
  [/^must differ from from$/, "должно отличаться от начала"],
  [/^isn't an IANA time zone$/, "такого часового пояса IANA нет"],
  [/^can't change once the event is published$/, "не меняется после публикации"],
  [/^an event needs at least one ticket.*$/, "для публикации нужен хотя бы один билет"],
  [/^there is no tier `(.*)`$/, "тарифа «$1» нет"],
  [/^tier `(.*)` has no price.*$/, "у тарифа «$1» нет цены"],
  [/^either every ticket of an upload.*$/, "x и y есть либо у всех билетов, либо ни у одного"],
  [/^`(.*)` is no number$/, "«$1» — не число"],
  [/^the column is missing$/, "столбца нет"],
  [/^tickets are added to drafts only$/, "билеты добавляются только в черновик, который ещё не ждёт публикации"],
  [/^only a paid reservation can be refunded$/, "деньги возвращают только за оплаченную бронь"],
];

/** A sentence of the server in the reader's language. */
export function phrase(text) {
  const [pattern, words] = (language === "ru" && RUSSIAN.find(([known]) => known.test(text))) || [text, text];
  return text.replace(pattern, words);
}
