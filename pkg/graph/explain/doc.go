// Package explain says in one stable line how what is there differs from what is wanted: graph.Spec.Explain of every provider. It knows values by their JSON,
// and nothing of what they mean.
package explain
