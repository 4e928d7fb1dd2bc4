// Reads tables and views over the ClickHouse HTTP interface with ClickHouse's JDBC driver, as DBeaver does.
//
// usage: java -cp JARS Reader.java ADDRESS DATABASE PASSWORD PROPERTIES SECONDS QUERY...
//
// PROPERTIES of the connection are name=value, with commas between. First a line of JSON with what
// DatabaseMetaData tells; then one for each query: columns, types and rows, or the error. A query that has
// not begun to answer after SECONDS is cancelled.

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.net.InetAddress;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Struct;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

class Reader {
    static final DateTimeFormatter MOMENT =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

    interface Asked {
        ResultSet ask() throws SQLException;
    }

    public static void main(String[] arguments) throws Exception {
        String database = arguments[1];
        Properties properties = new Properties();
        properties.put("user", "reader");
        properties.put("password", arguments[2]);
        for (String each : arguments[3].split(",")) {
            if (!each.isEmpty()) {
                properties.put(each.split("=", 2)[0], each.split("=", 2)[1]);
            }
        }
        long millis = (long) (Double.parseDouble(arguments[4]) * 1000);
        // the driver is not looked for in the jars when a source file is run
        Class.forName("com.clickhouse.jdbc.Driver");
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
        String address = "jdbc:clickhouse://" + arguments[0] + "/" + database;
        try (Connection connection = DriverManager.getConnection(address, properties)) {
            System.out.println(json(told(connection.getMetaData(), database)));
            for (int at = 5; at < arguments.length; at++) {
                System.out.println(json(answer(connection, arguments[at], clock, millis)));
            }
        } finally {
            clock.shutdownNow();
        }
    }

    static Map<String, Object> told(DatabaseMetaData about, String database) {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("schemas", read(about::getSchemas));
        found.put("catalogs", read(about::getCatalogs));
        found.put("kinds", read(about::getTableTypes));
        found.put("types", read(about::getTypeInfo));
        found.put("tables", read(() -> about.getTables(null, database, "%", null)));
        found.put("columns", read(() -> about.getColumns(null, database, "%", "%")));
        found.put("keys", read(() -> about.getPrimaryKeys(null, database, "changes")));
        found.put("indexes", read(() -> about.getIndexInfo(null, database, "changes", false, false)));
        return found;
    }

    static Map<String, Object> answer(
            Connection connection, String query, ScheduledExecutorService clock, long millis) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            List<String> wrong = new ArrayList<>();
            var bell = clock.schedule(
                    () -> {
                        try {
                            statement.cancel();
                        } catch (SQLException error) {
                            wrong.add(error.toString());
                        }
                    },
                    millis,
                    TimeUnit.MILLISECONDS);
            Map<String, Object> found = read(() -> {
                ResultSet result = statement.executeQuery(query);
                bell.cancel(false);
                return result;
            });
            found.put("cancelling", wrong);
            return found;
        }
    }

    static Map<String, Object> read(Asked asked) {
        Map<String, Object> found = new LinkedHashMap<>();
        List<String> columns = new ArrayList<>();
        List<String> types = new ArrayList<>();
        List<List<Object>> rows = new ArrayList<>();
        found.put("columns", columns);
        found.put("types", types);
        found.put("rows", rows);
        found.put("error", "");
        found.put("code", 0);
        try (ResultSet result = asked.ask()) {
            ResultSetMetaData about = result.getMetaData();
            for (int at = 1; at <= about.getColumnCount(); at++) {
                columns.add(about.getColumnName(at));
                types.add(about.getColumnTypeName(at));
            }
            while (result.next()) {
                List<Object> row = new ArrayList<>();
                for (int at = 1; at <= columns.size(); at++) {
                    row.add(result.getObject(at));
                }
                rows.add(row);
            }
        } catch (SQLException error) {
            found.put("error", String.valueOf(error.getMessage()));
            found.put("code", error.getErrorCode());
        }
        return found;
    }

    /** Times are UTC with microseconds, a date is its midnight, decimals and addresses are texts. */
    static String json(Object value) throws SQLException {
        if (value == null || value instanceof Boolean) {
            return String.valueOf(value);
        } else if (value instanceof BigDecimal number) {
            return text(number.stripTrailingZeros().toPlainString());
        } else if (value instanceof Number number) {
            return Double.isFinite(number.doubleValue()) ? number.toString() : text(number.toString());
        } else if (value instanceof Timestamp time) {
            // what a clock on the wall shows in the zone of the column, whatever zone Java has
            return json(time.toLocalDateTime());
        } else if (value instanceof ZonedDateTime time) {
            return text(MOMENT.format(time.toInstant()));
        } else if (value instanceof LocalDateTime time) {
            return text(MOMENT.format(time.toInstant(ZoneOffset.UTC)));
        } else if (value instanceof java.sql.Date date) {
            return json(date.toLocalDate());
        } else if (value instanceof LocalDate date) {
            return json(date.atStartOfDay());
        } else if (value instanceof InetAddress address) {
            return text(HexFormat.of().formatHex(address.getAddress()));
        } else if (value instanceof java.sql.Array array) {
            return json(array.getArray());
        } else if (value instanceof Struct struct) {
            return json(struct.getAttributes());
        } else if (value instanceof Map<?, ?> map) {
            List<String> members = new ArrayList<>();
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                members.add(text(String.valueOf(entry.getKey())) + ":" + json(entry.getValue()));
            }
            return "{" + String.join(",", members) + "}";
        } else if (value instanceof List<?> list) {
            return json(list.toArray());
        } else if (value.getClass().isArray()) {
            List<String> members = new ArrayList<>();
            for (int at = 0; at < Array.getLength(value); at++) {
                members.add(json(Array.get(value, at)));
            }
            return "[" + String.join(",", members) + "]";
        } else if (value instanceof String || value instanceof UUID || value.getClass().isEnum()) {
            return text(value.toString());
        }
        return text(value.getClass().getName() + " " + value);
    }

    static String text(String value) {
        StringBuilder found = new StringBuilder("\"");
        for (char each : value.toCharArray()) {
            // anything but ASCII as its number: what the console's encoding is does not matter
            if (each == '"' || each == '\\' || each < ' ' || each > '~') {
                found.append(String.format("\\u%04x", (int) each));
            } else {
                found.append(each);
            }
        }
        return found.append('"').toString();
    }
}
