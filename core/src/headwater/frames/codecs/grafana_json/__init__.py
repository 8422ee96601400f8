"""Grafana's JSON, both ways: frames, the answer of `/api/ds/query`, and chunked answers.

| | encode | decode |
|---|---|---|
| one frame | `encode_frame`, `iter_frame` | `decode_frame`, `append_frame` |
| QueryDataResponse | `encode_response`, `iter_response` | `decode_response` |
| `text/jsonl` | `stream_chunks`, `encode_chunks` | `decode_chunks` |

The `iter_` forms yield bounded pieces: memory does not grow with the frame.
"""
