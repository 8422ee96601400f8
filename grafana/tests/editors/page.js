// What Grafana does around a plugin's editors: loads module.js with SystemJS, gives it the shared modules, and
// renders its components. Left to this page are the services of Grafana's application, which is no package.
import "./boot.js";
import "systemjs/dist/system.js";
import "systemjs/dist/extras/amd.js";
import * as data from "@grafana/data";
import * as runtime from "@grafana/runtime";
import * as ui from "@grafana/ui";
import * as React from "react";
import { createRoot } from "react-dom/client";
import * as rxjs from "rxjs";

const shared = { react: React, rxjs, "@grafana/data": data, "@grafana/runtime": runtime, "@grafana/ui": ui };
for (const [name, module] of Object.entries(shared)) {
  System.set(`app:${name}`, module);
}
System.addImportMap({ imports: Object.fromEntries(Object.keys(shared).map((name) => [name, `app:${name}`])) });

runtime.setBackendSrv({
  fetch: (asked) =>
    rxjs.defer(async () => {
      const response = await fetch(asked.url, {
        method: asked.method,
        headers: { "Content-Type": "application/json", ...asked.headers },
        body: asked.data && JSON.stringify(asked.data),
      });
      const answer = { status: response.status, statusText: response.statusText, data: await response.json() };
      if (!response.ok) {
        throw answer;
      }
      return answer;
    }),
});

/** Variables of the dashboard, by name: what Grafana's dashboards hand to `replace`. */
const variables = {};
runtime.setTemplateSrv({
  replace: (text, scopedVars = {}, format = undefined) =>
    text.replace(/\$\{?(\w+)\}?/g, (whole, name) => {
      const variable = variables[name] || (scopedVars[name] && { value: scopedVars[name].value });
      if (!variable) {
        return whole;
      }
      return typeof format === "function" ? format(variable.value, variable, String) : String(variable.value);
    }),
  getVariables: () => [],
});

const theme = data.createTheme({ colors: { mode: "dark" } });
const root = createRoot(document.getElementById("root"));

function render(component, props) {
  const editor = React.createElement(component, props);
  const styles = React.createElement(ui.GlobalStyles);
  root.render(React.createElement(data.ThemeContext.Provider, { value: theme }, styles, editor));
}

let edits = 0;

/** A component whose `state` changes as the host of an editor changes it; `window.state` is the newest. */
function edit(component, state, propsOf) {
  window.state = state;
  const key = String(++edits); // a new editor, even of a kind that is shown
  const show = () => render(component, { key, ...propsOf(window.state, change) });
  const change = (next) => {
    window.state = next;
    show();
  };
  show();
}

window.harness = {
  variables,
  async load(url, settings) {
    const { plugin } = await System.import(url);
    Object.assign(this, { plugin, dataSource: new plugin.DataSourceClass(settings) });
  },
  editConfig(options) {
    edit(this.plugin.components.ConfigEditor, options, (state, change) => ({ options: state, onOptionsChange: change }));
  },
  editQuery(query) {
    window.runs = 0;
    edit(this.plugin.components.QueryEditor, query, (state, change) => ({
      query: state, onChange: change, onRunQuery: () => window.runs++, datasource: this.dataSource,
    }));
  },
  editVariable(query) {
    edit(this.plugin.components.VariableQueryEditor, query, (state, change) => ({
      query: state, onChange: (next, text) => { window.definition = text; change(next); }, datasource: this.dataSource,
    }));
  },
  /** What a panel gets: each frame's columns by name, or the error. */
  async query(query, scopedVars = {}, filters = undefined) {
    const request = {
      requestId: "1", targets: [{ refId: "A", ...query }], range: data.getDefaultTimeRange(), scopedVars, filters,
      intervalMs: 1000, maxDataPoints: 100,
    };
    const response = await rxjs.lastValueFrom(this.dataSource.query(request));
    return {
      frames: response.data.map((frame) => Object.fromEntries(frame.fields.map((each) => [each.name, [...each.values]]))),
      error: response.errors && response.errors[0] && response.errors[0].message,
    };
  },
};
