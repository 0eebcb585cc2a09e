// Copyright (c) 2026, the kwok.sim contributors
// SPDX-License-Identifier: Apache-2.0

// Gives what the Go kwok and Kubernetes' own libraries make of jq, YAML, CEL, quantities and patches, for tests to compare with:
// a line of JSON {"mode": …, …} in, a line {"output": …} or {"error": …} out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"sigs.k8s.io/kwok/pkg/utils/cel"
	"sigs.k8s.io/kwok/pkg/utils/expression"
	"sigs.k8s.io/yaml"
)

type request struct {
	Mode string `json:"mode"`
	// Source is an expression (jq, cel), a document (yaml) or a quantity.
	Source string `json:"source"`
	// Kind is "Pod" or "Node", for data of that type; otherwise data are maps.
	Kind  string          `json:"kind"`
	Data  json.RawMessage `json:"data"`
	Patch json.RawMessage `json:"patch"`
	Other string          `json:"other"`
	// Now is what the CEL function of that name gives, in nanoseconds since the epoch.
	Now int64 `json:"now"`
}

type response struct {
	Output json.RawMessage `json:"output,omitempty"`
	Error  *string         `json:"error,omitempty"`
}

func jq(asked request) (any, error) {
	query, err := expression.NewQuery(asked.Source)
	if err != nil {
		return nil, err
	}
	var data any
	if err := json.Unmarshal(asked.Data, &data); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return query.Execute(ctx, data)
}

// scalar is a CEL result: its type, and its value where that can be written in JSON.
func scalar(value cel.Val) any {
	switch typed := value.(type) {
	case cel.Quantity:
		return map[string]any{"type": "quantity", "value": typed.Quantity.String()}
	}
	native := value.Value()
	switch typed := native.(type) {
	case time.Time:
		native = typed.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		native = int64(typed)
	case float64:
		return map[string]any{"type": "double", "value": fmt.Sprintf("%.17g", typed)}
	case int64, uint64, string, bool, []byte:
	default:
		native = nil
	}
	return map[string]any{"type": value.Type().TypeName(), "value": native}
}

func evaluate(asked request) (any, error) {
	var self any
	switch asked.Kind {
	case "Pod":
		self = &corev1.Pod{}
	case "Node":
		self = &corev1.Node{}
	default:
		self = &map[string]any{}
	}
	// As unstructured objects are decoded: whole numbers are int64.
	if err := utiljson.Unmarshal(asked.Data, self); err != nil {
		return nil, err
	}
	if object, ok := self.(*map[string]any); ok {
		self = *object
	}
	now := time.Unix(0, asked.Now).UTC()
	funcs := maps.Clone(cel.DefaultFuncs)
	funcs["Now"] = []any{func() time.Time { return now }}
	funcs["Rand"] = []any{func() float64 { return 0.25 }}
	variables := map[string]any{"self": self}
	env, err := cel.NewEnvironment(cel.EnvironmentConfig{
		Types:       slices.Clone(cel.DefaultTypes),
		Conversions: slices.Clone(cel.DefaultConversions),
		Methods:     maps.Clone(cel.FuncsToMethods(cel.DefaultFuncs)),
		Funcs:       funcs,
		Vars:        variables,
	})
	if err != nil {
		return nil, err
	}
	program, err := env.Compile(asked.Source)
	if err != nil {
		return nil, err
	}
	value, _, err := program.Eval(variables)
	if err != nil {
		return nil, err
	}
	return scalar(value), nil
}

func document(asked request) (any, error) {
	encoded, err := yaml.YAMLToJSON([]byte(asked.Source))
	return json.RawMessage(encoded), err
}

func strategic(asked request) (any, error) {
	var schema any
	switch asked.Kind {
	case "Pod":
		schema = corev1.Pod{}
	case "Node":
		schema = corev1.Node{}
	default:
		return nil, errors.New("no such kind")
	}
	merged, err := strategicpatch.StrategicMergePatch(asked.Data, asked.Patch, schema)
	return json.RawMessage(merged), err
}

func merge(asked request) (any, error) {
	merged, err := jsonpatch.MergePatch(asked.Data, asked.Patch)
	return json.RawMessage(merged), err
}

func operations(asked request) (any, error) {
	decoded, err := jsonpatch.DecodePatch(asked.Patch)
	if err != nil {
		return nil, err
	}
	patched, err := decoded.Apply(asked.Data)
	return json.RawMessage(patched), err
}

func quantity(asked request) (any, error) {
	parsed, err := resource.ParseQuantity(asked.Source)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"text": parsed.String(), "value": parsed.Value(), "milli": parsed.MilliValue(), "sign": parsed.Sign(),
		"float": fmt.Sprintf("%.17g", parsed.AsApproximateFloat64()),
	}
	if asked.Other != "" {
		other, err := resource.ParseQuantity(asked.Other)
		if err != nil {
			return nil, err
		}
		sum, difference, negated := parsed.DeepCopy(), parsed.DeepCopy(), parsed.DeepCopy()
		sum.Add(other)
		difference.Sub(other)
		negated.Neg()
		answer["sum"], answer["difference"], answer["negated"] = sum.String(), difference.String(), negated.String()
		answer["compared"] = parsed.Cmp(other)
	}
	return answer, nil
}

func answer(line []byte) (result any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	modes := map[string]func(request) (any, error){
		"jq": jq, "cel": evaluate, "yaml": document, "strategic": strategic, "merge": merge, "json": operations, "quantity": quantity,
	}
	mode, ok := modes[asked.Mode]
	if !ok {
		return nil, fmt.Errorf("no mode %q", asked.Mode)
	}
	return mode(asked)
}

func encode(value any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return buffer.Bytes(), err
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := bufio.NewWriter(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var given response
		value, err := answer(line)
		if err == nil {
			given.Output, err = encode(value)
		}
		if err != nil {
			message := err.Error()
			given = response{Error: &message}
		}
		if json.NewEncoder(output).Encode(given) != nil || output.Flush() != nil {
			return
		}
	}
}
