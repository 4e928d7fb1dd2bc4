// Reads tables and views over the ClickHouse HTTP interface with the driver of Grafana's data source.
//
// usage: clickhouse_go ADDRESS DATABASE PASSWORD none|gzip|lz4 QUERY...
//
// For each query one line of JSON: its columns, their types and how many rows were read; or its error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

type answer struct {
	Columns []string `json:"columns"`
	Types   []string `json:"types"`
	Rows    int      `json:"rows"`
	First   []string `json:"first"`
	Last    []string `json:"last"`
	Error   string   `json:"error"`
}

func ask(connection driver.Conn, query string) (found answer) {
	context, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fail := func(err error) answer {
		found.Error = err.Error()
		return found
	}
	rows, err := connection.Query(context, query)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	found.Columns = rows.Columns()
	for _, kind := range rows.ColumnTypes() {
		found.Types = append(found.Types, kind.DatabaseTypeName())
	}
	for rows.Next() {
		values := make([]any, 0, len(found.Columns))
		for _, kind := range rows.ColumnTypes() {
			values = append(values, reflect.New(kind.ScanType()).Interface())
		}
		if err := rows.Scan(values...); err != nil {
			return fail(err)
		}
		found.Last = found.Last[:0]
		for _, value := range values {
			shown := fmt.Sprint(reflect.ValueOf(value).Elem().Interface())
			found.Last = append(found.Last, shown)
		}
		if found.Rows == 0 {
			found.First = append(found.First, found.Last...)
		}
		found.Rows++
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return found
}

func main() {
	methods := map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone,
		"gzip": clickhouse.CompressionGZIP,
		"lz4":  clickhouse.CompressionLZ4,
	}
	connection, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{os.Args[1]},
		Auth:        clickhouse.Auth{Database: os.Args[2], Username: "reader", Password: os.Args[3]},
		Compression: &clickhouse.Compression{Method: methods[os.Args[4]], Level: 3},
	})
	if err == nil {
		err = connection.Ping(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, query := range os.Args[5:] {
		line, err := json.Marshal(ask(connection, query))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(string(line))
	}
}
