// Series upon each other: of each what it reaches with those below it. What is missing adds nothing, and
// negative values are stacked downwards from zero.
export function stacked(columns, isShown) {
  const length = columns[0]?.length ?? 0;
  const above = new Array(length).fill(0);
  const below = new Array(length).fill(0);
  return columns.map((column, index) => {
    if (!isShown(index)) return new Array(length).fill(null);
    return column.map((value, row) => {
      if (value === null || value === undefined) return null;
      const sums = value < 0 ? below : above;
      return (sums[row] += value);
    });
  });
}
