// Reads a compose file as Docker Compose does (its own loader: variables, anchors, the specification's schema,
// references between services) and prints what came of it as JSON. The environment is that of this process.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithOsEnv, cli.WithDiscardEnvFile)
	if err == nil {
		project, wrong := options.LoadProject(context.Background())
		if wrong == nil {
			var text []byte
			if text, err = project.MarshalJSON(); err == nil {
				fmt.Println(string(text))
				return
			}
		} else {
			err = wrong
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
