package pki

import (
	"encoding/json"
	"os"
)

// Kubeconfig writes a kubeconfig with one cluster and one user, all certificates inside. It is JSON, which YAML includes.
func Kubeconfig(path, cluster, server string, authority []byte, client Pair) error {
	cert, key, err := client.Read()
	if err != nil {
		return err
	}
	type named map[string]any
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": cluster,
		"clusters": []named{{"name": cluster, "cluster": named{"server": server, "certificate-authority-data": authority}}},
		"users":    []named{{"name": cluster, "user": named{"client-certificate-data": cert, "client-key-data": key}}},
		"contexts": []named{{"name": cluster, "context": named{"cluster": cluster, "user": cluster}}},
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
