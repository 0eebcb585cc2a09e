// Copyright (c) 2026, the kwok.sim contributors
// SPDX-License-Identifier: Apache-2.0

// Renders templates with the real text/template and sprig, for tests to compare with: a line of JSON
// {"template": …, "data": …} in, a line {"output": …} or {"error": …} out.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

type request struct {
	Template string          `json:"template"`
	Data     json.RawMessage `json:"data"`
}

type response struct {
	Output *string `json:"output,omitempty"`
	Error  *string `json:"error,omitempty"`
}

// functions are sprig's, and the two functions of kwok that depend on nothing but their arguments.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	all["Quote"] = func(value any) string {
		encoded, err := json.Marshal(value)
		switch {
		case err != nil:
			return strconv.Quote(fmt.Sprint(value))
		case strings.HasPrefix(string(encoded), `"`):
			return string(encoded)
		}
		return strconv.Quote(string(encoded))
	}
	all["YAML"] = func(value any, indent ...int) (string, error) {
		encoded, err := yaml.Marshal(value)
		text := string(encoded)
		if err == nil && len(indent) == 1 && indent[0] > 0 {
			text = strings.ReplaceAll("\n"+text, "\n", "\n"+strings.Repeat("  ", indent[0]))
		}
		return text, err
	}
	return all
}

// canonical gives numbers the types that Kubernetes decodes them to: int64 where they are whole, float64 otherwise.
func canonical(value any) any {
	switch typed := value.(type) {
	case json.Number:
		if whole, err := typed.Int64(); err == nil {
			return whole
		}
		real, err := typed.Float64()
		if err != nil {
			return typed
		}
		return real
	case map[string]any:
		for key, item := range typed {
			typed[key] = canonical(item)
		}
	case []any:
		for at, item := range typed {
			typed[at] = canonical(item)
		}
	}
	return value
}

func decode(raw []byte) (any, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err
}

// object is the data as kwok gives them to a template: decoded, encoded, and decoded again with numbers kept as text.
func object(raw json.RawMessage) (any, error) {
	value, err := decode(raw)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(canonical(value))
	if err != nil {
		return nil, err
	}
	return decode(encoded)
}

func render(line []byte) (string, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return "", err
	}
	data, err := object(asked.Data)
	if err != nil {
		return "", err
	}
	parsed, err := template.New("_").Funcs(functions()).Parse(asked.Template)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, data)
	return out.String(), err
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var answer response
		if text, err := render(line); err != nil {
			message := err.Error()
			answer.Error = &message
		} else {
			answer.Output = &text
		}
		if encoder.Encode(answer) != nil || output.Flush() != nil {
			return
		}
	}
}
