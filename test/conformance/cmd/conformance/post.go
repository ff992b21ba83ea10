package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// post sends a JSON text to the admin part of a fake cloud, which takes only who has its token.
func post(url, token string, body io.Reader) error {
	req, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // the status says enough
		return fmt.Errorf("POST %s: %s: %s", url, res.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
