package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// jsonLines writes each line of a log as {"line": n, "text": "…"}. A line longer than a
// megabyte comes in pieces of one number.
func jsonLines(log io.Reader, out io.Writer) error {
	type line struct {
		Line int    `json:"line"`
		Text string `json:"text"`
	}
	r := bufio.NewReaderSize(log, 1<<20)
	enc := json.NewEncoder(out)
	for n := 1; ; {
		piece, err := r.ReadSlice('\n')
		if len(piece) > 0 {
			if err := enc.Encode(line{n, strings.TrimSuffix(string(piece), "\n")}); err != nil {
				return err
			}
		}
		switch err {
		case nil:
			n++
		case bufio.ErrBufferFull:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
