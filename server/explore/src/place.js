// Where on the page somebody was who leaves for a provider to sign in. It is kept in this tab: no address that
// others can write says where a sign-in ends.
import { HERE } from "./api.js";

const KEY = `headwater.place ${HERE}`;

export function leaveFor(url) {
  sessionStorage.setItem(KEY, location.hash);
  location.assign(url);
}

export function returnToPlace() {
  const hash = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  if (hash && !location.hash) history.replaceState(history.state, "", hash);
}
