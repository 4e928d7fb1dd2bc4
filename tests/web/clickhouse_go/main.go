// Reads tables and views over the ClickHouse HTTP interface with the driver of Grafana's data source.
//
// usage: clickhouse_go ADDRESS DATABASE PASSWORD none|gzip|lz4 SECONDS QUERY...
//
// For each query one line of JSON: its columns, their types, how many rows were read, the first of them and
// the last; or its error. A query that takes longer than SECONDS is cancelled.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// rows that are shown, and the last one
const shownMax = 1000

type answer struct {
	Columns []string `json:"columns"`
	Types   []string `json:"types"`
	Count   int      `json:"count"`
	Rows    [][]any  `json:"rows"`
	Last    []any    `json:"last"`
	Error   string   `json:"error"`
}

// plain is a value as JSON has it: times are UTC with microseconds, decimals and addresses are texts.
func plain(value reflect.Value) any {
	switch it := value.Interface().(type) {
	case time.Time:
		return it.UTC().Format("2006-01-02T15:04:05.000000Z")
	case net.IP:
		if short := it.To4(); short != nil {
			it = short
		}
		return hex.EncodeToString(it)
	case big.Int:
		return json.Number(it.String())
	case *big.Int:
		return json.Number(it.String())
	}
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return nil
		}
		return plain(value.Elem())
	case reflect.Float32, reflect.Float64:
		if number := value.Float(); math.IsNaN(number) || math.IsInf(number, 0) {
			return fmt.Sprint(number)
		}
		return value.Float()
	}
	// UUIDs and decimals
	if shown, ok := value.Interface().(fmt.Stringer); ok {
		return shown.String()
	}
	switch value.Kind() {
	case reflect.Slice, reflect.Array:
		found := make([]any, 0, value.Len())
		for at := range value.Len() {
			found = append(found, plain(value.Index(at)))
		}
		return found
	case reflect.Map:
		found := map[string]any{}
		for each := value.MapRange(); each.Next(); {
			found[fmt.Sprint(each.Key().Interface())] = plain(each.Value())
		}
		return found
	}
	return value.Interface()
}

func ask(connection driver.Conn, query string, limit time.Duration) (found answer) {
	// cancelled by hand: a deadline would be told to the server as well
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(limit, cancel).Stop()
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
		found.Last = make([]any, 0, len(values))
		for _, value := range values {
			found.Last = append(found.Last, plain(reflect.ValueOf(value).Elem()))
		}
		if found.Count < shownMax {
			found.Rows = append(found.Rows, found.Last)
		}
		found.Count++
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
	seconds, err := strconv.ParseFloat(os.Args[5], 64)
	stop(err)
	connection, err := clickhouse.Open(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{os.Args[1]},
		Auth:        clickhouse.Auth{Database: os.Args[2], Username: "reader", Password: os.Args[3]},
		Compression: &clickhouse.Compression{Method: methods[os.Args[4]], Level: 3},
	})
	stop(err)
	stop(connection.Ping(context.Background()))
	for _, query := range os.Args[6:] {
		line, err := json.Marshal(ask(connection, query, time.Duration(seconds*float64(time.Second))))
		stop(err)
		fmt.Println(string(line))
	}
}

func stop(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
