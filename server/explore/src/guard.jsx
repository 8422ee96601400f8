import { useErrorBoundary } from "preact/hooks";

// What cannot be drawn says so in its place, and leaves what is around it alone.
export function Guard({ what, more, children }) {
  const [error] = useErrorBoundary((caught) => console.error(caught));
  return error ? <div class="failure" role="alert"><p class="error">{what} cannot be shown: {error.message}</p>{more}</div> : children;
}
