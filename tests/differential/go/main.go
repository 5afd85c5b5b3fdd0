// Reads requests as servers in Go do: one line of JSON per request, one entry per parser.
//
// Standard input: for each request a content type and a body, each after its length in four bytes (big-endian).
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
)

// request is how programs in Go declare what they read; names are matched without regard to case.
type request struct {
	Model  *string `json:"model"`
	Stream *bool   `json:"stream"`
}

type reading struct {
	By     string `json:"by"`
	Model  []any  `json:"model"`
	Stream []any  `json:"stream"`
	Error  string `json:"error,omitempty"`
}

func fromRequest(by string, value request, err error) reading {
	if err != nil {
		return reading{By: by, Model: []any{}, Stream: []any{}, Error: err.Error()}
	}
	found := reading{By: by, Model: []any{}, Stream: []any{}}
	if value.Model != nil {
		found.Model = append(found.Model, *value.Model)
	}
	if value.Stream != nil {
		found.Stream = append(found.Stream, *value.Stream)
	}
	return found
}

func fromJSON(body []byte) []reading {
	var whole, streamed request
	err := json.Unmarshal(body, &whole)
	decoderErr := json.NewDecoder(bytes.NewReader(body)).Decode(&streamed)
	var values map[string]any
	byName := reading{By: "a map", Model: []any{}, Stream: []any{}}
	if mapErr := json.Unmarshal(body, &values); mapErr != nil {
		byName.Error = mapErr.Error()
	} else {
		if value, ok := values["model"]; ok {
			byName.Model = append(byName.Model, value)
		}
		if value, ok := values["stream"]; ok {
			byName.Stream = append(byName.Stream, value)
		}
	}
	return []reading{
		fromRequest("Unmarshal", whole, err),
		fromRequest("Decoder", streamed, decoderErr),
		byName,
	}
}

func fromForm(contentType string, body []byte) []reading {
	found := reading{By: "net/http", Model: []any{}, Stream: []any{}}
	call, err := http.NewRequest("POST", "/", bytes.NewReader(body))
	if err == nil {
		call.Header.Set("Content-Type", contentType)
		err = call.ParseMultipartForm(1 << 20)
	}
	if err != nil {
		found.Error = err.Error()
		return []reading{found}
	}
	take := func(name string, into *[]any) {
		for _, value := range call.Form[name] {
			*into = append(*into, value)
		}
		for range call.MultipartForm.File[name] {
			*into = append(*into, "(file)")
		}
	}
	take("model", &found.Model)
	take("stream", &found.Stream)
	return []reading{found}
}

func frame(source io.Reader) ([]byte, error) {
	var length uint32
	if err := binary.Read(source, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	bytes := make([]byte, length)
	_, err := io.ReadFull(source, bytes)
	return bytes, err
}

func run() error {
	source := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		head, err := frame(source)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		body, err := frame(source)
		if err != nil {
			return err
		}
		contentType := string(head)
		kind, _, _ := strings.Cut(contentType, ";")
		var readings []reading
		if strings.EqualFold(strings.TrimSpace(kind), "application/json") {
			readings = fromJSON(body)
		} else {
			readings = fromForm(contentType, body)
		}
		if err := output.Encode(readings); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
