//! A person's browser: Chromium, driven through WebDriver (<https://www.w3.org/TR/webdriver2/>),
//! with two commands that ChromeDriver has beside it: the log, and Chromium's own protocol.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use parterre_loadtest::wire::Origin;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use super::{free_address, tool, until};

/// How long a page may take for anything: a browser's first start takes long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A desktop's window, in CSS pixels.
pub(crate) const DESKTOP: (u32, u32) = (1_280, 900);
/// A phone's.
pub(crate) const PHONE: (u32, u32) = (390, 844);

/// How Chromium is told to be without a screen, and to call nobody by itself.
pub(crate) const ALONE: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with a profile of its own; ends when dropped.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    home: Origin,
    profile: TempDir,
}

/// A command of ChromeDriver's own.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// A browser in front of a server; none without Chromium and its driver.
    pub(crate) async fn at(home: &Origin) -> Option<Self> {
        Self::sized(home, DESKTOP).await
    }

    /// The same with a window of another size.
    pub(crate) async fn sized(home: &Origin, (width, height): (u32, u32)) -> Option<Self> {
        let (chromium, chromedriver) = (tool("chromium")?, tool("chromedriver")?);
        let profile = TempDir::new().expect("a folder");
        let (driver, address) = drive(&chromedriver);
        let wishes = wishes(&chromium, profile.path());
        let client = until("the browser is there", PATIENCE, async || {
            let connector = HttpConnector::new();
            Client::with_capabilities_and_connector(&address, &wishes, connector)
                .await
                .ok()
        })
        .await;
        let browser = Self {
            client,
            driver,
            home: home.clone(),
            profile,
        };
        let device = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600});
        browser
            .commands("Emulation.setDeviceMetricsOverride", device)
            .await;
        Some(browser)
    }

    /// Opens a path of the server.
    pub(crate) async fn opens(&self, path: &str) {
        let url = format!("{}{path}", self.home);
        self.client.goto(&url).await.expect("a page");
    }

    /// Presses what is called `name`: a button, a link, a heading that unfolds.
    pub(crate) async fn presses(&self, name: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary]\
             [normalize-space(.) = {0} or @aria-label = {0} or starts-with(@aria-label, {1})]",
            quoted(name),
            quoted(&format!("{name} ·")),
        );
        self.acts(&format!("press {name:?}"), async || {
            self.shown(&path).await?.click().await
        })
        .await;
    }

    /// Writes into the field that is called `label`.
    pub(crate) async fn writes(&self, label: &str, text: &str) {
        let path = format!(
            "//label[contains(normalize-space(.), {})]//*[self::input or self::select or self::textarea]",
            quoted(label)
        );
        self.acts(&format!("write into {label:?}"), async || {
            let field = self.shown(&path).await?;
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Writes into the field that a selector means, instead of what is there.
    pub(crate) async fn enters(&self, selector: &str, text: &str) {
        self.acts(&format!("enter {selector}"), async || {
            let field = self.client.find(Locator::Css(selector)).await?;
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Gives a field a value that is picked rather than written, such as a time.
    pub(crate) async fn picks(&self, selector: &str, value: &str) {
        let script = format!(
            "const field = document.querySelector({selector:?}); field.value = {value:?}; \
             return field.dispatchEvent(new Event('input', {{bubbles: true}}))"
        );
        self.comes_to(&script).await;
    }

    /// Gives a field a file.
    pub(crate) async fn gives(&self, selector: &str, path: &str) {
        self.acts(&format!("give {selector} a file"), async || {
            let field = self.client.find(Locator::Css(selector)).await?;
            field.send_keys(path).await
        })
        .await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn types(&self, keys: &str) {
        let focus = self.client.active_element().await.expect("a focus");
        focus.send_keys(keys).await.expect("keys");
    }

    /// Waits until the page shows a text.
    pub(crate) async fn reads(&self, text: &str) {
        let found = async || {
            let shown = self.says("return document.body.innerText").await;
            shown.as_str()?.contains(text).then_some(())
        };
        let told = tokio::time::timeout(PATIENCE, until(text, PATIENCE * 2, found)).await;
        if told.is_err() {
            let shown = self.says("return document.body.innerText").await;
            panic!(
                "{text:?} isn't on the page:\n{}",
                shown.as_str().unwrap_or("nothing")
            );
        }
    }

    /// Whether the page shows a text now.
    pub(crate) async fn shows(&self, text: &str) -> bool {
        let shown = self.says("return document.body.innerText").await;
        shown.as_str().expect("a page").contains(text)
    }

    /// Presses the browser's own button.
    pub(crate) async fn goes_back(&self) {
        self.client.back().await.expect("a page before");
    }

    /// What a script on the page answers; null while the page is on its way.
    pub(crate) async fn says(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_default()
    }

    /// Waits until a script on the page answers true.
    pub(crate) async fn comes_to(&self, script: &str) {
        until(script, PATIENCE, async || {
            (self.says(script).await == json!(true)).then_some(())
        })
        .await;
    }

    /// Presses a button of the mouse somewhere on the page, in CSS pixels.
    pub(crate) async fn clicks_at(&self, x: f64, y: f64) {
        for kind in ["mousePressed", "mouseReleased"] {
            let press = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.commands("Input.dispatchMouseEvent", press).await;
        }
    }

    /// Reads as somebody who has told the system a wish, such as `prefers-color-scheme`.
    pub(crate) async fn prefers(&self, wish: &str, value: &str) {
        let media = json!({"features": [{"name": wish, "value": value}]});
        self.commands("Emulation.setEmulatedMedia", media).await;
    }

    /// Never hears anything live: its screens are as late as can be.
    pub(crate) async fn is_deaf(&self) {
        let deaf = "window.WebSocket = class { close() {} send() {} }";
        let script = json!({"source": deaf});
        self.commands("Page.addScriptToEvaluateOnNewDocument", script)
            .await;
    }

    /// Fails on what axe-core finds wrong with the page; passes over it without axe-core.
    pub(crate) async fn is_accessible(&self) {
        let Some(axe) = axe() else { return };
        let run = "const done = arguments[arguments.length - 1]; axe.run().then(({violations, passes}) => \
            done(passes.length === 0 ? ['nothing was looked at'] : violations.map(({id, nodes}) => id + ': ' + nodes.map(({html}) => html).join(' '))));";
        let script = format!("{axe};{run}");
        let found = self.client.execute_async(&script, Vec::new()).await;
        let url = self.client.current_url().await.expect("an address");
        assert_eq!(found.expect("axe runs"), json!([]), "{url}");
    }

    /// Fails on errors that the page logged, but for refusals that a person was told of,
    /// and on requests to anyone but its server. Each is told once.
    pub(crate) async fn is_clean(&self) {
        for entry in self.log("browser").await {
            let text = entry["message"].as_str().unwrap_or_default();
            let is_refusal =
                text.contains("/v1/") && text.contains("the server responded with a status of 4");
            assert!(is_refusal || entry["level"] != "SEVERE", "{text}");
        }
        let home = self.home.to_string();
        let live = home.replacen("http", "ws", 1);
        let mut own_ones = 0;
        for entry in self.log("performance").await {
            let event = entry["message"].as_str().unwrap_or("null");
            let event: Value = serde_json::from_str(event).expect("an event");
            let (method, params) = (&event["message"]["method"], &event["message"]["params"]);
            let asked = match method.as_str() {
                Some("Network.requestWillBeSent") => &params["request"]["url"],
                Some("Network.webSocketCreated") => &params["url"],
                _ => continue,
            };
            let asked = asked.as_str().expect("an address");
            // A browser's own first page isn't ours.
            let is_own = [&*home, &live, "data:", "chrome"]
                .iter()
                .any(|own| asked.starts_with(own));
            assert!(is_own, "it asks {asked}");
            own_ones += usize::from(asked.starts_with(&home));
        }
        assert!(own_ones > 0, "nothing was looked at");
    }

    /// Ends it, whatever it is doing.
    pub(crate) async fn leaves(self) {
        self.is_clean().await;
        self.client.clone().close().await.expect("an end");
    }

    async fn commands(&self, command: &'static str, params: Value) {
        let body = json!({"cmd": command, "params": params});
        let path = "goog/cdp/execute";
        let done = self.client.issue_cmd(Own { path, body }).await;
        done.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let body = json!({"type": kind});
        let path = "se/log";
        let entries = self.client.issue_cmd(Own { path, body }).await;
        entries
            .expect("a log")
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The first element of a path that can be seen.
    async fn shown(&self, path: &str) -> Result<Element, CmdError> {
        let found = self.client.find_all(Locator::XPath(path)).await?;
        for element in found {
            if element.is_displayed().await? {
                return Ok(element);
            }
        }
        Err(CmdError::NotJson("nothing to be seen".to_owned()))
    }

    /// Tries until it works: a page changes under a person's hand.
    async fn acts(&self, what: &str, mut act: impl AsyncFnMut() -> Result<(), CmdError>) {
        until(what, PATIENCE, async || act().await.ok()).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that ends leaves its browser alone, which its profile tells from others.
        let profile = self.profile.path();
        drop(Command::new("pkill").arg("-f").arg(profile).status());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

fn drive(chromedriver: &Path) -> (Child, String) {
    let address = free_address();
    let driver = Command::new(chromedriver)
        .arg(format!("--port={}", address.port()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver can be run");
    (driver, format!("http://{address}/"))
}

fn wishes(chromium: &Path, profile: &Path) -> Capabilities {
    let mut arguments: Vec<String> = ALONE.map(str::to_owned).into();
    arguments.extend(["--lang=en", "--accept-lang=en"].map(str::to_owned));
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let wishes = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": chromium, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    });
    wishes.as_object().cloned().unwrap_or_default()
}

/// The text of axe-core; none where npm hasn't installed it.
fn axe() -> Option<String> {
    let npm = tool("npm")?;
    let root = Command::new(npm).args(["root", "--global"]).output();
    let root = String::from_utf8(root.expect("npm can be run").stdout).expect("text");
    let file = PathBuf::from(root.trim()).join("axe-core/axe.min.js");
    let text = std::fs::read_to_string(file).ok();
    if text.is_none() {
        println!("skipped: axe-core is missing");
    }
    text
}

/// As a text of XPath, which knows no escapes.
fn quoted(text: &str) -> String {
    assert!(!text.contains('"'), "{text:?} can't be looked for");
    format!("\"{text}\"")
}
