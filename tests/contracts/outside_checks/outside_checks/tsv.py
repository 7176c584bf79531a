from synthgen.data.formats import Format


def write(rows, path):
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(f"{row['id']}\t{row['text']}\n")
            count += 1
    return count


TSV = Format(fields="`id` and `text`, with a tab between.", write=write)
