"""What `tiered-st --help` says below the options."""

EXIT_CODES = """\
exit codes:
  0    done (also when the reader of a pipe, such as `head`, went away)
  1    an input, model, index or output file cannot be used, or there is no text; one line on stderr says which and why
  2    the command line is wrong
  3    done, but broken lines were skipped (--on-error skip); each is listed on stderr
  130  interrupted with Ctrl-C; output files are as they were before, finished work waits beside them
"""
INPUTS = """\
inputs:
  Files, or - for standard input. The suffix gives the format, --format overrides it:
    text     one text per line (anything without a suffix below)
    jsonl    one JSON object per line (.jsonl .ndjson .json), text in --field
    csv tsv  with a header (.csv .tsv), text in the column --field; in tsv a quotation mark is a
             character, in tsv-quoted it quotes as in csv
    parquet  (.parquet .pq; needs pyarrow), text in the column --field
  gzip, bzip2, xz and zstd are decompressed, UTF-16 and UTF-32 recognised; --encoding names others.
  A text is known by --id-field, by the field id where there is one, or else by where it was read,
  as in notes.txt:12 (--no-id-field).
  An interrupted run goes on where it stopped when it is started again; --restart starts anew.
"""
SOURCES = """\
sources:
  Files of texts as `tiered-st encode --help` has them; folders and quoted patterns of them, in order of their names;
  s3://, gs:// and what else fsspec opens; and datasets of the hub, which `datasets` streams. --workers N embeds in N
  processes, by Ray (pip install 'tiered-st[ray]'): on this machine, or on the cluster that RAY_ADDRESS names, whose
  machines must see SOURCE and TARGET under the same paths.
  A run that was killed goes on where it stopped when it is started again; --restart removes TARGET and starts anew.
  Other sources, another model or other settings than it was begun with are refused.
"""
EXAMPLES = {
    "": """\
examples:
  tiered-st index notes.txt -o notes-index        build a search index, one text per line
  tiered-st search notes-index "recieve a refnud" search it, typos and all
  tiered-st encode notes.txt -o notes.npy         embeddings as a NumPy file
  tiered-st embed 'texts/*.parquet' -o vectors    more texts than memory holds, into parquet
  tiered-st info                                  the models that ship with the package
""",
    "encode": """\
examples:
  tiered-st encode notes.txt -o notes.npy         row i is the embedding of line i
  tiered-st encode tickets.jsonl --field body --id-field key -o tickets.vectors.jsonl
  grep -i refund mails.txt | tiered-st encode - | jq .id

With --on-error skip the rows of a .npy no longer match the lines of the input: use jsonl, which keeps the ids.
""",
    "index": """\
examples:
  tiered-st index notes.txt more.txt -o notes-index
  tiered-st index products.csv --field title --id-field sku --on-error skip -o products-index
  tiered-st index products.csv --field title --learn-words -o products-index      its names, found under their typos
  tiered-st index --append new.csv --field title --id-field sku -o products-index
  tiered-st index --from embeddings -o big-index      of what `tiered-st embed` wrote; may be larger than RAM

Texts that are blank are left out; an id that comes twice counts as a broken line.
""",
    "embed": """\
examples:
  tiered-st embed 'texts/*.parquet' -o vectors --workers 8 --dtype float16
  tiered-st embed products.jsonl.gz -o vectors --field title --id-field sku --columns price,brand --on-error skip
  tiered-st embed s3://bucket/texts -o s3://bucket/vectors --no-text

TARGET gets parts/*.parquet with id, vector, text and --columns, manifest.json, and rejected.jsonl: what was set aside,
and why. Texts that are blank are set aside; an id that comes twice in a part counts as a broken line.
""",
    "search": """\
examples:
  tiered-st search notes-index "how do I get a refnud" -k 3
  tiered-st search notes-index --json < questions.txt | jq -r '.hits[0].id'
""",
    "export": """\
examples:
  tiered-st export my-model -o my-onnx                      in int8
  tiered-st export my-model -o my-onnx --check notes.txt    if it embeds the notes as torch does
  tiered-st encode notes.txt --model my-onnx --backend onnx -o notes.npy
""",
    "info": """\
examples:
  tiered-st info                 the models that ship with the package
  tiered-st info en-small        size, tiers, limits and fingerprint of a model
  tiered-st info notes-index     what an index holds, and whether its files are whole
  tiered-st info vectors         what a folder of embeddings holds, and whether its parts are whole
""",
}
